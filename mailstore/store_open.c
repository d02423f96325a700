#include "mailstore/store.h"
