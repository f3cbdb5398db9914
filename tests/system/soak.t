#!/bin/sh
# seconds 600
# The storm of `make soak` for a minute, whatever that has been told.
SOAK_SECONDS=60 exec sh "${0%/*}/../soak/storm"
