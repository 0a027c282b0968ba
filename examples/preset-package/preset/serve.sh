#!/bin/sh
read -r port </etc/notice-board.port
httpd -f -p "$port" -h /srv/www &
until wget -q -O - "http://127.0.0.1:$port/" 2>/dev/null; do sleep 1; done
wait
