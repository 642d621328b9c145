"""How often slixmpp takes which target first: `pick.py DOMAIN TIMES` prints `TARGET COUNT` lines, then `done`."""

import asyncio
import collections
import sys

import slixmpp.xmlstream.resolver as resolver


async def pick(domain, times):
    loop = asyncio.get_running_loop()
    dns = resolver.default_resolver(loop=loop)
    counts = collections.Counter()
    for _ in range(times):
        found = await resolver.resolve(domain, 5222, service="xmpp-client", proto="tcp", resolver=dns, use_ipv6=False, loop=loop)
        counts[next(iter(found))[0]] += 1
    return counts


for target, count in asyncio.run(pick(sys.argv[1], int(sys.argv[2]))).items():
    print(target.rstrip("."), count)
print("done", flush=True)
