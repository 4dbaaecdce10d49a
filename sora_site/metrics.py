"""What this process counts for Prometheus. Figures that live in the database are read at scrape time."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

registry = CollectorRegistry()

requests = Counter(
    "sora_http_requests_total",
    "Answered HTTP requests.",
    ["method", "route", "status"],
    registry=registry,
)
request_seconds = Histogram(
    "sora_http_request_seconds",
    "Wall seconds from the first middleware to the answer.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=registry,
)

STAGE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class ProductCollector(Collector):
    """Jobs by state, queue depth, stage seconds and refusals, from the rows the product writes anyway.

    Counted over the last hour where a history is meant, so a scrape stays cheap at any table size.
    """

    def collect(self) -> Iterator[Metric]:
        from datetime import timedelta

        from django.db.models import Count
        from django.utils import timezone

        from generation.models import Generation, SafetyCheck, StageTiming, WorkerBeat

        now = timezone.now()
        hour = now - timedelta(hours=1)

        jobs = GaugeMetricFamily(
            "sora_generations", "Open jobs, and those finished in the last hour.", labels=["status"]
        )
        counts = dict.fromkeys(Generation.Status.values, 0)
        rows = Generation.objects.open() | Generation.objects.filter(finished_at__gte=hour)
        for status, number in rows.values_list("status").annotate(Count("pk")).order_by():
            counts[status] = number
        for status, number in counts.items():
            jobs.add_metric([status], number)
        yield jobs

        depth = GaugeMetricFamily("sora_queue_depth", "Jobs waiting for a worker.")
        depth.add_metric([], counts["queued"])
        yield depth

        oldest = (
            Generation.objects.queued().order_by("created_at").values_list("created_at").first()
        )
        wait = GaugeMetricFamily("sora_queue_oldest_seconds", "Age of the job waiting longest.")
        wait.add_metric([], (now - oldest[0]).total_seconds() if oldest else 0.0)
        yield wait

        workers = GaugeMetricFamily("sora_workers", "Workers seen in the last 30 seconds.")
        seen = WorkerBeat.objects.filter(seen_at__gte=now - timedelta(seconds=30))
        workers.add_metric([], seen.count())
        yield workers

        refused = GaugeMetricFamily(
            "sora_refusals", "Refusing verdicts of the last hour.", labels=["stage"]
        )
        verdicts = SafetyCheck.objects.filter(action="refuse", created_at__gte=hour)
        for stage, number in verdicts.values_list("stage").annotate(Count("pk")).order_by():
            refused.add_metric([stage], number)
        yield refused

        stages = HistogramMetricFamily(
            "sora_stage_seconds", "Seconds a stage of a job took, last hour.", labels=["stage"]
        )
        seconds: dict[str, list[float]] = {}
        timings = StageTiming.objects.filter(created_at__gte=hour).values_list("stage", "seconds")
        for stage, value in timings[:20_000]:
            seconds.setdefault(stage, []).append(value)
        for stage, values in seconds.items():
            buckets = [(str(b), sum(v <= b for v in values)) for b in STAGE_BUCKETS]
            stages.add_metric([stage], [*buckets, ("+Inf", len(values))], sum(values))
        yield stages


registry.register(ProductCollector())  # collects nothing until the first scrape
