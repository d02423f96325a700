#include "common/sandbox.h"
