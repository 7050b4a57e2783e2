"""Reading on the workers of a Dask cluster. Dask is used only here."""

from __future__ import annotations

import logging
import queue
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from itertools import islice
from types import ModuleType
from typing import TYPE_CHECKING

from bnstat.errors import InputError, UsageError
from bnstat.reading.workers.job import CaseJob, Found, Outcome, Progress, announce, outcome_of, run_apart, tell
from bnstat.sources import cores
from bnstat.version import __version__

if TYPE_CHECKING:  # it is imported only if a cluster is asked for
    from distributed import Client, Future

# The seconds that a scheduler has to answer, and its first worker to join.
_ANSWER_S, _WORKER_S = 10, 60
# How often a case is read again if its worker died or could not read it: another worker may succeed.
_RETRIES = 2
# How often workers are counted while no result comes; the seconds without any after which that is told, and after which
# reading ends unless Dask's own setting says another limit.
_LOOK_S, _TELL_S, _GONE_S = 2.0, 30.0, 300.0
_LIMIT = "distributed.scheduler.no-workers-timeout"
_KEPT = "`resume` of a scan keeps what was read"
_LOG = logging.getLogger(__name__)
# The seconds that a client has to say goodbye: a scheduler that is gone does not answer.
_CLOSE_S = 5
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
            import distributed  # an extra, imported only if a cluster is asked for
        except ImportError as error:
            raise UsageError("`dask` needs the package dask; pip install 'bnstat[dask]'") from error
        self._distributed: ModuleType = distributed
        self._address = address

    def run(self, jobs: Sequence[CaseJob[Found]], progress: Progress | None) -> Iterator[Outcome[Found]]:
        """Read every case on the cluster, as `Executor` describes it."""
        announce(jobs, progress)
        with _quiet():
            client = self._client()
            try:
                self._require_workers(client)
                for outcome in self._outcomes(client, jobs):
                    tell(jobs[outcome.place], progress)
                    yield outcome
            finally:
                with suppress(OSError):  # a scheduler that hangs does not answer
                    client.close(timeout=_CLOSE_S)

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
        """Yield outcomes as they come, with a bounded number of cases on their way.

        Raises:
            InputError: if the scheduler is lost, or all workers are, for too long.
        """
        key, left = secrets.token_hex(16), iter(range(len(jobs)))
        done: queue.SimpleQueue[Future[Found]] = queue.SimpleQueue()
        places: dict[Future[Found], int] = {}

        def submit(place: int) -> None:
            future = client.submit(
                _run_or_raise, jobs[place].sent, key=f"bnstat-{key}-{place}", retries=_RETRIES, pure=False
            )
            places[future] = place
            future.add_done_callback(done.put)

        try:
            at_once = max(sum(client.nthreads().values()), 1) * _AHEAD
            for place in islice(left, at_once):
                submit(place)
            while places:
                future = self._next(client, done)
                place = places.pop(future)
                found = self._result(client, future, jobs[place])
                yield outcome_of(place, jobs[place], found)
                if (following := next(left, None)) is not None:
                    submit(following)
        except (CancelledError, OSError) as error:  # the client gives up all results if its scheduler goes
            raise InputError(
                self._address,
                "the connection to the Dask scheduler was lost, and the files that were not read yet are missing; "
                f"start the scheduler again, then run the command again ({_KEPT})",
            ) from error

    def _next(self, client: Client, done: queue.SimpleQueue[Future[Found]]) -> Future[Found]:
        """Return the next case that is done.

        Raises:
            InputError: if there is no worker for too long.
        """
        alone_since: float | None = None
        told = False
        limit = _limit()
        while True:
            try:
                return done.get(timeout=_LOOK_S)
            except queue.Empty:
                pass
            now = time.monotonic()
            if self._has_workers(client):
                alone_since, told = None, False
                continue
            alone_since = now if alone_since is None else alone_since
            if now - alone_since >= limit:
                raise self._alone()
            if now - alone_since >= _TELL_S and not told:
                told = True
                _LOG.warning(
                    "bnstat: the Dask scheduler at %s has no worker; start some with `dask worker` (waiting up to "
                    "%.0f s; %s sets another limit)",
                    *(self._address, limit, _LIMIT),
                )

    def _alone(self) -> InputError:
        return InputError(
            self._address,
            "all Dask workers are gone, and the files that were not read yet are missing; start some with "
            f"`dask worker`, then run the command again ({_KEPT})",
        )

    @staticmethod
    def _has_workers(client: Client) -> bool:
        """Return True if the scheduler answers that it has a worker."""
        scheduler = client.scheduler
        if scheduler is None:  # the client is closed
            return False
        try:
            return bool(client.sync(scheduler.ncores, callback_timeout=_ANSWER_S))
        except (OSError, TimeoutError, AttributeError):  # a client that closes meanwhile loses its parts
            return False

    def _result(self, client: Client, future: Future[Found], job: CaseJob[Found]) -> Found | InputError | UsageError:
        try:
            return future.result(timeout=_limit())  # a scheduler that hangs gives none
        except (InputError, UsageError) as error:
            return error
        except TimeoutError as error:  # what it found was on a worker that is gone
            if self._has_workers(client):
                raise
            raise self._alone() from error
        except self._distributed.scheduler.NoWorkerError as error:  # if the scheduler has a limit of its own
            raise self._alone() from error
        except self._distributed.KilledWorker:
            return InputError(job.case.name, "every worker that read it died; start workers with more memory")


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what distributed logs by handlers of its own: tracebacks of what an error here says in a line."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    for handler in handlers:
        handler.addFilter(_nothing)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    return False


def _limit() -> float:
    """Return the seconds without a worker after which reading ends: those of Dask's settings if they set some."""
    from dask import config, utils  # an extra, imported only if a cluster is asked for

    said = config.get(_LIMIT, None)
    return _GONE_S if said is None else float(utils.parse_timedelta(said))


def _version() -> str:
    return __version__


def _run_or_raise(job: CaseJob[Found]) -> Found:
    """Read a case. A failure is raised, so that the scheduler sees it and another worker tries."""
    cores.share()  # a worker may have no process of its own, and others beside it
    found = run_apart(job)
    if isinstance(found, InputError):
        raise found
    if isinstance(found, UsageError):
        raise found
    return found
