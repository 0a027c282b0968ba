#!/bin/sh
# PID 1 of the guest: it must never end, or the kernel panics; when it is told to stop it powers off.
echo "custom-init: running as PID $$"
trap 'poweroff -f' TERM

for service in /etc/services/*; do
  "$service" &
done

# Orphans become children of PID 1: wait reaps them, and sleep keeps the loop from spinning once there are none.
while :; do
  wait
  sleep 1
done
