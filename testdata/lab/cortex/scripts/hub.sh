#!/bin/sh
# Started by hand on the host.
exec docker compose -p cortex "$@"
