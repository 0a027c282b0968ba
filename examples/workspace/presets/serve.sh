#!/bin/sh
# Takes over from fledge's init, as PID 1, once /proc, /sys, /dev, /tmp and /run are mounted.
echo "serving $(ls /srv/www) on port 8080"
exec httpd -f -p 8080 -h /srv/www
