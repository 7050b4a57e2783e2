"""Workers of a Dask cluster. The only user of dask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any
from uuid import uuid4

from bnstat.errors import InputError, UsageError
from bnstat.preprocessing.samples import Row
from bnstat.reading.workers.job import Job, Outcome, Progress, announce, outcome_of, run_apart, tell
from bnstat.version import __version__

# How long a scheduler has to answer, and its first worker to join, in seconds.
_ANSWER_S, _WORKER_S = 10, 60
# How often a case is read again where its worker died or could not read it: another one may.
_RETRIES = 2
# Cases that the scheduler holds at once, for each thread of its workers.
_AHEAD = 4


class Cluster:
    """The workers of a Dask scheduler.

    Args:
        address: of the scheduler, as in tcp://10.0.0.1:8786.

    Raises:
        UsageError: dask is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed  # noqa: PLC0415  (only where a cluster is asked for)
        except ImportError as error:
            raise UsageError("a cluster needs dask; pip install 'bnstat[dask]'") from error
        self._distributed: Any = distributed
        self._address = address

    def run(self, jobs: Sequence[Job], progress: Progress | None) -> Iterator[Outcome]:
        """Read every case on the cluster, as `Executor` says."""
        announce(jobs, progress)
        with self._client() as client:
            self._require_workers(client)
            for outcome in self._outcomes(client, jobs):
                tell(jobs[outcome.place], progress)
                yield outcome

    def _client(self) -> Any:  # noqa: ANN401
        try:
            self._distributed.comm.resolve_address(self._address)  # a client of what is no address cannot be closed
            return self._distributed.Client(self._address, timeout=_ANSWER_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(
                f"no Dask scheduler answers at {self._address}; start one with `dask scheduler`, or check the address"
            ) from error

    def _require_workers(self, client: Any) -> None:  # noqa: ANN401
        try:
            client.wait_for_workers(1, timeout=_WORKER_S)
        except TimeoutError as error:
            raise UsageError(
                f"the scheduler at {self._address} has no worker; start some with `dask worker`"
            ) from error
        for worker, version in client.run(_version, on_error="return").items():
            if version != __version__:
                has = f"bnstat {version}" if isinstance(version, str) else "no bnstat"
                raise UsageError(f"worker {worker} has {has} and this is {__version__}; install one version on all")

    def _outcomes(self, client: Any, jobs: Sequence[Job]) -> Iterator[Outcome]:  # noqa: ANN401
        """Outcomes as they come, with a bounded number of cases on their way."""
        key, left = uuid4().hex, iter(range(len(jobs)))
        places: dict[str, int] = {}

        def submitted(place: int) -> Any:  # noqa: ANN401
            future = client.submit(
                _run_or_raise, jobs[place].sent, key=f"bnstat-{key}-{place}", retries=_RETRIES, pure=False
            )
            places[future.key] = place
            return future

        at_once = max(sum(client.nthreads().values()), 1) * _AHEAD
        waiting = self._distributed.as_completed(map(submitted, islice(left, at_once)), loop=client.loop)
        for future in waiting:
            place = places.pop(future.key)
            yield outcome_of(place, jobs[place], self._found(future, jobs[place]))
            if (following := next(left, None)) is not None:
                waiting.add(submitted(following))

    def _found(self, future: Any, job: Job) -> tuple[Row, ...] | InputError | UsageError:  # noqa: ANN401
        try:
            rows: tuple[Row, ...] = future.result()
            return rows
        except (InputError, UsageError) as error:
            return error
        except self._distributed.KilledWorker:
            return InputError(job.case.name, "every worker that read it died; have they enough memory?")


def _version() -> str:
    return __version__


def _run_or_raise(job: Job) -> tuple[Row, ...]:
    """Read a case, so that the scheduler sees a failure and has another worker try."""
    found = run_apart(job)
    if isinstance(found, InputError):
        raise found
    if isinstance(found, UsageError):
        raise found
    return found
