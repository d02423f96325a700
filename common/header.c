#include "common/header.h"
