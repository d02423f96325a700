#include "common/front.h"
