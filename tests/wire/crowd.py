"""Two hundred connections at the same time: no error, memory within its limit, and how long a point query takes."""
import asyncio
import os
import random
import time

SECONDS, SECONDS_QUICK = 300, 30
CONNECTIONS = 200
# Each connection thinks for so long between two questions, on average.
PAUSE_S = 2.0
# The limit for data is the server's usual one; what the program needs besides it, for 200 connections, is this.
MEMORY_BYTES_MAX = (1024 + 512) << 20


def run(server, arguments) -> list:
    seconds = SECONDS_QUICK if arguments.quick else SECONDS
    os.environ.update(server.environment())
    times, errors, peak = asyncio.run(crowd(server, seconds))
    complaints = [f"{len(errors)} errors, such as {errors[0]}"] if errors else []
    if peak > MEMORY_BYTES_MAX:
        complaints.append(f"{peak >> 20} MiB of memory, over {MEMORY_BYTES_MAX >> 20}")
    times.sort()
    if not times:
        return [*complaints, "no question was answered"]
    share = lambda part: times[min(len(times) - 1, int(len(times) * part))] * 1000
    print(
        f"{CONNECTIONS} connections for {seconds} s: {len(times)} point queries, {len(errors)} errors, p50 {share(0.5):.0f} ms, "
        f"p95 {share(0.95):.0f} ms, p99 {share(0.99):.0f} ms, max {times[-1] * 1000:.0f} ms, at most {peak >> 20} MiB resident",
        flush=True,
    )
    return complaints


async def crowd(server, seconds: float) -> tuple:
    times, errors = [], []
    end = time.monotonic() + seconds
    fingerprint = server.answer("SELECT fingerprint FROM rollup_hour GROUP BY 1 ORDER BY sum(calls) DESC LIMIT 1")[0][0]
    peak = 0

    async def watch():
        nonlocal peak
        while time.monotonic() < end:
            peak = max(peak, server.resident_bytes())
            await asyncio.sleep(0.5)

    await asyncio.gather(watch(), *(one(end, fingerprint, times, errors) for _ in range(CONNECTIONS)))
    return times, errors, peak


async def one(end: float, fingerprint: int, times: list, errors: list) -> None:
    import psycopg

    try:
        connection = await psycopg.AsyncConnection.connect(autocommit=True)
        async with connection:
            while time.monotonic() < end:
                await asyncio.sleep(random.uniform(0, 2 * PAUSE_S))
                began = time.monotonic()
                cursor = await connection.execute(
                    "SELECT normalized, calls FROM queries WHERE fingerprint = %s", [fingerprint], prepare=True
                )
                rows = await cursor.fetchall()
                times.append(time.monotonic() - began)
                assert len(rows) == 1, rows
    except Exception as error:  # whatever it is, it counts
        errors.append(repr(error))
