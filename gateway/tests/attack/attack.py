"""Attacks a gateway, one family after the other, and says what did not hold.

    attack.py GATEWAY            everything at full size, with memory and latency judged
    attack.py GATEWAY --quick    small, for every test run: statuses, ends of connections, leaks
    attack.py GATEWAY --only streams,heads

Of each family must hold: the gateway lives; an honest caller is answered 200 throughout, at full size
with a P99 of at most three times what it was before (or 50 ms); memory stays within 300 MB of the
start and comes back to within 10 % of it or 32 MB; threads and descriptors are those of the start; a
SIGTERM in the middle of the attack ends the process within the grace.
"""

import argparse
import pathlib
import sys
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parent / "families")]

import browsers
import http2_frames
import slow_clients
import storms
from rig import Failed, Gateway, Honest, Peak, eventually, must

QUICK_SCALE = 10
PEAK_MB, BACK_MB, BACK_SHARE = 300, 32, 1.1
P99_FACTOR, P99_FLOOR_S = 3, 0.05
FAMILIES = [
    family
    for module in (http2_frames, slow_clients, storms, browsers)
    for family in module.FAMILIES
]


def honest_p99(gateway, seconds):
    caller = Honest(gateway.http)
    caller.start()
    time.sleep(seconds)
    return caller.end().p99()


def judge(gateway, family, scale, quick, baseline):
    """One family with its checks; gives a line about it."""
    start_mb, threads, descriptors = gateway.resident_mb(), gateway.threads(), gateway.descriptors()
    caller, peak = Honest(gateway.http), Peak(gateway)
    caller.start()
    peak.start()
    begun = time.monotonic()
    try:
        family(gateway, scale)
        # A short attack must not be over before the honest caller was.
        time.sleep(0.5)
    finally:
        took, most_mb = time.monotonic() - begun, peak.end()
        caller.end()
    must(gateway.alive(), f"the process ended: {gateway.logged()[-2000:]}")
    must(caller.seconds, "no honest caller was answered")
    must(not caller.wrong, f"an honest caller got {caller.wrong[:5]} ({len(caller.wrong)} of {len(caller.seconds)})")
    must(most_mb <= start_mb + PEAK_MB, f"{most_mb:.0f} MB resident, {start_mb:.0f} at its start")
    back_mb = max(start_mb * BACK_SHARE, start_mb + BACK_MB)
    eventually(f"memory back to {back_mb:.0f} MB", 15, lambda: gateway.resident_mb() <= back_mb)
    eventually("as many descriptors as before", 15, lambda: gateway.descriptors() <= descriptors + 2)
    must(gateway.threads() <= threads + 1, f"{gateway.threads()} threads, {threads} before")
    if not quick:
        most = max(P99_FACTOR * baseline, P99_FLOOR_S)
        must(caller.p99() <= most, f"P99 of an honest caller {caller.p99() * 1e3:.0f} ms, at most {most * 1e3:.0f}")
    return f"{took:5.1f} s, peak +{most_mb - start_mb:.0f} MB, after +{gateway.resident_mb() - start_mb:.0f} MB, honest P99 {caller.p99() * 1e3:.1f} ms"


def stopped_within_grace(binary, family, scale):
    """SIGTERM in the middle: the process ends within its grace time."""
    gateway = Gateway(binary)
    try:
        def attack():
            try:
                family(gateway, scale)
            except (OSError, Failed):
                pass

        threading.Thread(target=attack, daemon=True).start()
        time.sleep(0.5)
        return gateway.terminate()
    finally:
        gateway.kill()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("gateway", type=pathlib.Path)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--only", default="")
    options = options.parse_args()
    only = set(filter(None, options.only.split(",")))
    families = [family for family in FAMILIES if not only or family.__name__ in only]
    scale = QUICK_SCALE if options.quick else 1
    failed = 0
    gateway = Gateway(options.gateway)
    try:
        baseline = honest_p99(gateway, 3)
        for family in families:
            try:
                print(f"held    {family.__name__:18} {judge(gateway, family, scale, options.quick, baseline)}", flush=True)
            except Failed as failure:
                failed += 1
                print(f"FAILED  {family.__name__:18} {failure}", flush=True)
                if not gateway.alive():
                    gateway = Gateway(options.gateway)
        gateway.terminate()
    finally:
        gateway.kill()
    for family in families if not options.quick else families[:1]:
        try:
            print(f"stopped {family.__name__:18} {stopped_within_grace(options.gateway, family, scale):5.1f} s", flush=True)
        except Failed as failure:
            failed += 1
            print(f"FAILED  {family.__name__:18} {failure}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
