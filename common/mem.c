#include "common/mem.h"
