#include "mailstore/directory.h"
