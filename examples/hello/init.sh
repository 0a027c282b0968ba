#!/bin/sh
# Runs after fledge's init has mounted /proc, /sys, /dev, /tmp and /run. When it ends, the guest powers off.
httpd -f -p 8080 -h /srv/www &
server=$!

# The server needs a moment to listen.
for _ in 1 2 3 4 5 6 7 8 9 10; do
  page=$(wget -q -O - http://127.0.0.1:8080/ 2>/dev/null) && break
  sleep 1
done
echo "hello: serving on port 8080: $page"
wait "$server"
