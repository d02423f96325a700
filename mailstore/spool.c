#include "mailstore/spool.h"
