#include "common/scan.h"
