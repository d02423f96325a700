#include "common/sessions.h"
