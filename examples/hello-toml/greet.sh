#!/bin/sh
echo "greet: ${GREETING:-Hello} from $(cat /srv/www/index.html)"
