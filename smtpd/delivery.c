#include "smtpd/delivery.h"
