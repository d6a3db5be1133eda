using System.Collections.Concurrent;
using System.Diagnostics;
using Guanxi.Relations;
using Guanxi.Relations.Serving;
using Guanxi.Torch;

namespace Guanxi.Cli.Server;

/// <summary>What the server counts, and how <c>/metrics</c> tells it.</summary>
internal sealed class ServerMetrics
{
    private readonly ConcurrentDictionary<(string Route, int Status), long> _requests = new();
    private readonly ConcurrentDictionary<string, Histogram> _seconds = new();
    private readonly ConcurrentDictionary<string, long> _labels = new();
    private readonly Histogram _confidence = new(Histogram.Shares);
    private readonly Histogram _batchRows = new(Histogram.Rows);
    private readonly Histogram _batchSeconds = new(Histogram.Seconds);
    private readonly Histogram _waitSeconds = new(Histogram.Seconds);
    private long _tokens;

    /// <summary>Counts a request that was answered.</summary>
    public void Request(string route, int status, TimeSpan duration)
    {
        _requests.AddOrUpdate((route, status), 1, (_, count) => count + 1);
        _seconds.GetOrAdd(route, _ => new Histogram(Histogram.Seconds)).Add(duration.TotalSeconds);
    }

    /// <summary>Counts an answer.</summary>
    public void Prediction(RelationPrediction prediction)
    {
        _labels.AddOrUpdate(prediction.Label, 1, (_, count) => count + 1);
        if (!double.IsNaN(prediction.Confidence))
        {
            _confidence.Add(prediction.Confidence);
        }
    }

    /// <summary>Counts a pass of the model.</summary>
    public void Batch(BatchFacts batch)
    {
        _batchRows.Add(batch.Rows);
        _batchSeconds.Add(batch.Duration.TotalSeconds);
        _waitSeconds.Add(batch.LongestWait.TotalSeconds);
        Interlocked.Add(ref _tokens, batch.Tokens);
    }

    /// <summary>Everything, in Prometheus's text format.</summary>
    /// <param name="service">The model and its queue.</param>
    public string Show(RelationService service)
    {
        var text = new PrometheusText();
        text.Family("guanxi_build_info", "gauge", "Version of the program, name and method of the model.")
            .Sample("guanxi_build_info", 1, ("version", ProgramVersion.Number), ("model", service.ModelName ?? ""), ("method", service.Method ?? ""));
        text.Single("guanxi_ready", "gauge", "Whether requests are taken.", service.State == ServiceState.Ready ? 1 : 0);
        WriteRequests(text);
        WriteEngine(text, service.Counts, service.Options);
        text.Family("guanxi_predictions_total", "counter", "Answers, by label.");
        foreach (var (label, count) in _labels.OrderBy(item => item.Key, StringComparer.Ordinal))
        {
            text.Sample("guanxi_predictions_total", count, ("label", label));
        }

        Write(text, "guanxi_confidence", "Probability of the label that was answered.", _confidence);
        WriteProcess(text);
        return text.ToString();
    }

    private void WriteRequests(PrometheusText text)
    {
        text.Family("guanxi_requests_total", "counter", "Requests, by route and status; 499 for a client that went away.");
        foreach (var ((route, status), count) in _requests.OrderBy(item => item.Key))
        {
            text.Sample("guanxi_requests_total", count, ("route", route), ("status", $"{status}"));
        }

        text.Family("guanxi_request_seconds", "histogram", "Time to answer a request, by route.");
        foreach (var (route, histogram) in _seconds.OrderBy(item => item.Key, StringComparer.Ordinal))
        {
            histogram.Write(text, "guanxi_request_seconds", ("route", route));
        }
    }

    private void WriteEngine(PrometheusText text, EngineCounts counts, RelationEngineOptions options)
    {
        text.Single("guanxi_queue_length", "gauge", "Calls that wait.", counts.Waiting);
        text.Single("guanxi_queue_capacity", "gauge", "Most calls that may wait.", options.QueueCapacity);
        text.Single("guanxi_calls_running", "gauge", "Calls that are being computed.", counts.Running);
        text.Single("guanxi_calls_accepted_total", "counter", "Calls that were taken.", counts.Accepted);
        text.Single("guanxi_calls_done_total", "counter", "Calls that were answered.", counts.Done);
        text.Single("guanxi_calls_cancelled_total", "counter", "Calls whose caller gave up.", counts.Cancelled);
        text.Single("guanxi_calls_failed_total", "counter", "Calls that ended with an error of the model.", counts.Failed);
        text.Single("guanxi_calls_rejected_total", "counter", "Calls that were refused because the queue was full.", counts.Rejected);
        text.Single("guanxi_cache_hits_total", "counter", "Rows that were answered from memory.", counts.CacheHits);
        text.Single("guanxi_rows_computed_total", "counter", "Rows that the model computed.", counts.RowsComputed);
        text.Single("guanxi_tokens_total", "counter", "Tokens that the model computed.", Interlocked.Read(ref _tokens));
        Write(text, "guanxi_batch_rows", "Rows of one pass.", _batchRows);
        Write(text, "guanxi_batch_seconds", "Time of one pass.", _batchSeconds);
        Write(text, "guanxi_queue_seconds", "Time that the oldest call of a pass had waited.", _waitSeconds);
    }

    private static void WriteProcess(PrometheusText text)
    {
        using var process = Process.GetCurrentProcess();
        text.Single("process_start_time_seconds", "gauge", "Start of the process, since 1970.", new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000.0);
        text.Single("process_resident_memory_bytes", "gauge", "Resident memory.", process.WorkingSet64);
        text.Single("guanxi_managed_memory_bytes", "gauge", "Memory of the garbage collector's heap.", GC.GetTotalMemory(forceFullCollection: false));
        text.Single("guanxi_native_tensor_bytes", "gauge", "Memory of live native tensors.", TensorStatistics.LiveBytes);
    }

    private static void Write(PrometheusText text, string name, string help, Histogram histogram) =>
        histogram.Write(text.Family(name, "histogram", help), name);
}
