#include "common/decode.h"
