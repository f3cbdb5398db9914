#!/bin/sh
# seconds 600
# The storm of `make soak` for a short while.
SOAK_SECONDS=${SOAK_SECONDS:-30} exec sh "${0%/*}/../soak/storm"
