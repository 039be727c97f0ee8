//! One long-lived `/bin/sh` per host, and the framed protocol spoken with it.
