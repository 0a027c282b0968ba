#!/bin/sh
. /etc/os-release
echo "custom-stage: this guest is $PRETTY_NAME"
