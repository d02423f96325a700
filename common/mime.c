#include "common/mime.h"
