#include "common/base64.h"
