#include "common/parent.h"
