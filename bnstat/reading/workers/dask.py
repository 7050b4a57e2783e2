"""Reading on the workers of a Dask cluster. Dask is used only here."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING

from bnstat.errors import InputError, UsageError
from bnstat.reading.workers.job import CaseJob, Found, Outcome, Progress, announce, outcome_of, run_apart, tell
from bnstat.version import __version__

if TYPE_CHECKING:  # it is imported only if a cluster is asked for
    from distributed import Client, Future

# The seconds that a scheduler has to answer, and its first worker to join.
_ANSWER_S, _WORKER_S = 10, 60
# How often a case is read again if its worker died or could not read it: another worker may succeed.
_RETRIES = 2
# Cases that the scheduler holds at once, for each thread of its workers.
_AHEAD = 4


class Cluster:
    """The workers of a Dask scheduler.

    Args:
        address: the address of the scheduler, as in tcp://10.0.0.1:8786.

    Raises:
        UsageError: if dask is not installed.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed  # noqa: PLC0415  (an extra, imported only if a cluster is asked for)
        except ImportError as error:
            raise UsageError("`dask` needs the package dask; pip install 'bnstat[dask]'") from error
        self._distributed: ModuleType = distributed
        self._address = address

    def run(self, jobs: Sequence[CaseJob[Found]], progress: Progress | None) -> Iterator[Outcome[Found]]:
        """Read every case on the cluster, as `Executor` describes it."""
        announce(jobs, progress)
        with self._client() as client:
            self._require_workers(client)
            for outcome in self._outcomes(client, jobs):
                tell(jobs[outcome.place], progress)
                yield outcome

    def _client(self) -> Client:
        try:
            self._distributed.comm.resolve_address(self._address)  # a client with a wrong address cannot be closed
            client: Client = self._distributed.Client(self._address, timeout=_ANSWER_S, set_as_default=False)
            return client
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(
                f"no Dask scheduler answers at {self._address}; start one with `dask scheduler`, or check the address"
            ) from error

    def _require_workers(self, client: Client) -> None:
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

    def _outcomes(self, client: Client, jobs: Sequence[CaseJob[Found]]) -> Iterator[Outcome[Found]]:
        """Yield outcomes as they come, with a bounded number of cases on their way."""
        key, left = secrets.token_hex(16), iter(range(len(jobs)))
        places: dict[object, int] = {}

        def submitted(place: int) -> Future[Found]:
            future = client.submit(
                _run_or_raise, jobs[place].sent, key=f"bnstat-{key}-{place}", retries=_RETRIES, pure=False
            )
            places[future.key] = place
            return future

        at_once = max(sum(client.nthreads().values()), 1) * _AHEAD
        waiting = self._distributed.as_completed(map(submitted, islice(left, at_once)), loop=client.loop)
        for future in waiting:
            place = places.pop(future.key)
            found = self._result(future, jobs[place])
            yield outcome_of(place, jobs[place], found)
            if (following := next(left, None)) is not None:
                waiting.add(submitted(following))

    def _result(self, future: Future[Found], job: CaseJob[Found]) -> Found | InputError | UsageError:
        try:
            return future.result()
        except (InputError, UsageError) as error:
            return error
        except self._distributed.KilledWorker:
            return InputError(job.case.name, "every worker that read it died; start workers with more memory")


def _version() -> str:
    return __version__


def _run_or_raise(job: CaseJob[Found]) -> Found:
    """Read a case. A failure is raised, so that the scheduler sees it and another worker tries."""
    found = run_apart(job)
    if isinstance(found, InputError):
        raise found
    if isinstance(found, UsageError):
        raise found
    return found
