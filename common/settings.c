#include "common/settings.h"
