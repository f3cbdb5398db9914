#!/bin/sh
# seconds 600
# The storm of `make soak` for a minute.
SOAK_SECONDS=${SOAK_SECONDS:-60} exec sh "${0%/*}/../soak/storm"
