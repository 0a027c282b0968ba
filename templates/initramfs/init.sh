#!/bin/sh
# What the guest does once it is up; when this script ends, the guest powers off.
echo "{{name}}: serving /srv/www on port 8080"
exec httpd -f -p 8080 -h /srv/www
