#!/bin/sh
# serial
# seconds 200
# The first cycles of `make soak`: a card pulled and inserted again while clients sign.
SOAK_CYCLES=50 exec sh "${0%/*}/../soak/cycles"
