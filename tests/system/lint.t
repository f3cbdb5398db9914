#!/bin/sh
# The checks of `make lint` that need nothing but a compiler.
exec "${0%/*}/../lint/run" --basic
