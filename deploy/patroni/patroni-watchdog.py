#!/usr/bin/python3
"""Kills a node whose Patroni does not answer, before another node can become primary.

Patroni 3.0.2 with etcd3 writes the leader key without a comparison. A primary that was suspended and continues takes
the key back, and the new primary is rewound to it: what was committed in between is lost. This program runs beside
Patroni, on each node, and runs a command when the REST interface has been silent for too long:

    patroni-watchdog.py http://10.0.0.21:8008 8 systemctl kill --signal=KILL --kill-who=all patroni

The seconds must be less than ttl - loop_wait - 3, so that the node is down before its leader key expires. It also runs
the command at once if it was suspended itself for that long. It does nothing before the first response, after the
command until the next response, and while the cluster is paused (`patronictl pause`).
"""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

# Seconds.
PERIOD = 0.5
TIMEOUT = 1


def now():
    """Continues while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def is_paused(url):
    """Raises OSError without a response. A node that is not healthy responds with 503 and the same document."""
    try:
        with urllib.request.urlopen(url + "/patroni", timeout=TIMEOUT) as response:
            return bool(json.load(response).get("pause"))
    except urllib.error.HTTPError as error:
        return bool(json.load(error).get("pause"))


def main(url, silence, command):
    armed = False
    paused = False
    heard = asked = now()
    while True:
        # Checked before the request: after a suspension Patroni may respond and act at the same moment.
        suspended = now() - asked > silence
        asked = now()
        if not suspended:
            try:
                paused = is_paused(url)
                armed = True
                heard = now()
            except (OSError, ValueError):
                pass
        if armed and not paused and (suspended or now() - heard > silence):
            armed = False
            reason = "this program was suspended" if suspended else "Patroni does not answer"
            print(f"{reason}: running {' '.join(command)}", flush=True)
            subprocess.run(command, check=False)
        time.sleep(PERIOD)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(sys.argv[1].rstrip("/"), float(sys.argv[2]), sys.argv[3:])
