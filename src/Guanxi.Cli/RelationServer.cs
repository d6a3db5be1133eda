using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Guanxi.Relations;
using Guanxi.Relations.Formats;
using Guanxi.Transformers;

namespace Guanxi.Cli;

/// <summary>A server that tells relations at <c>POST /people_rel_cls</c>: this program's, or the published one.</summary>
internal sealed class RelationServer : IDisposable
{
    private const string Route = "/people_rel_cls";
    private const int MostTries = 6;
    private const int LongestShown = 200;

    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(30);

    private readonly Uri _address;
    private readonly HttpClient _client;
    private readonly TimeProvider _time;

    /// <summary>Prepares to ask a server.</summary>
    /// <param name="url">Its address, with or without the route.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="OptionsException">The address is none.</exception>
    public RelationServer(string url, TimeProvider time)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            throw new OptionsException(new Problem("--url", "not the address of a server", "http://HOST:PORT", $"'{url}'"));
        }

        _address = address.AbsolutePath == "/" ? new Uri(address, Route) : address;
        _time = time;

        // A proxy knows nothing of this machine's own servers.
        _client = new HttpClient(new SocketsHttpHandler { UseProxy = !address.IsLoopback }) { Timeout = TimeSpan.FromMinutes(2) };
    }

    /// <summary>Asks about every row, one after the other.</summary>
    /// <param name="rows">Rows with labels.</param>
    /// <param name="schema">The labels; their aliases are read.</param>
    /// <param name="progress">Told how many rows are done.</param>
    /// <param name="stop">Ends the work between two rows.</param>
    /// <returns>Rows and result.</returns>
    /// <exception cref="JobFailedException">The server cannot be reached, or has no such route.</exception>
    public Evaluation Evaluate(IReadOnlyList<RelationExample> rows, RelationSchema schema, IProgress<int> progress, CancellationToken stop)
    {
        var start = _time.GetTimestamp();
        var evaluated = new List<EvaluatedRow>(rows.Count);
        foreach (var row in rows)
        {
            var (label, problem) = Ask(row, stop);
            var predicted = label is null ? Evaluator.NoAnswer : schema.Canonical(label) ?? label;
            evaluated.Add(new EvaluatedRow(row, schema.Canonical(row.Label!) ?? row.Label!, predicted, null, problem));
            progress.Report(evaluated.Count);
        }

        return Evaluator.Summarise(evaluated, schema.Labels, [], _time.GetElapsedTime(start));
    }

    public void Dispose() => _client.Dispose();

    private (string? Label, Problem? Problem) Ask(RelationExample row, CancellationToken stop)
    {
        var body = RowText.Json(row with { Label = null });
        for (var attempt = 1; ; attempt++)
        {
            stop.ThrowIfCancellationRequested();
            using var answer = Send(body, stop);
            if (answer.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable) || attempt == MostTries)
            {
                return Read(answer, row, stop);
            }

            stop.WaitHandle.WaitOne(WaitOf(answer, attempt));
        }
    }

    private HttpResponseMessage Send(string body, CancellationToken stop)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _address) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            return _client.Send(request, stop);
        }
        catch (HttpRequestException error)
        {
            throw new JobFailedException(new Problem($"{_address}", "the server cannot be reached", Found: error.Message, Hint: "Is it started?"), error);
        }
        catch (TaskCanceledException error) when (!stop.IsCancellationRequested)
        {
            throw new JobFailedException(new Problem($"{_address}", "the server does not answer", $"an answer within {_client.Timeout.TotalSeconds} s"), error);
        }
    }

    private (string? Label, Problem? Problem) Read(HttpResponseMessage answer, RelationExample row, CancellationToken stop)
    {
        using var reader = new StreamReader(answer.Content.ReadAsStream(stop), Encoding.UTF8);
        var text = reader.ReadToEnd();
        if (answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed or HttpStatusCode.Unauthorized)
        {
            throw new JobFailedException(new Problem($"{_address}", "the server does not take the question", "status 200", Status(answer, text)));
        }

        return ResultOf(text) is { } label && answer.IsSuccessStatusCode
            ? (label, null)
            : (null, new Problem($"{row.Place}", "the server gave no relation", "{\"result\": ...}", Status(answer, text)));
    }

    private static string? ResultOf(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("result", out var result)
                && result.ValueKind == JsonValueKind.String ? result.GetString() : null;
        }
        catch (JsonException)
        {
            // The caller shows what came instead.
            return null;
        }
    }

    private static string Status(HttpResponseMessage answer, string text) =>
        string.Create(CultureInfo.InvariantCulture, $"status {(int)answer.StatusCode} {text[..Math.Min(LongestShown, text.Length)].ReplaceLineEndings(" ")}").Trim();

    private static TimeSpan WaitOf(HttpResponseMessage answer, int attempt)
    {
        var asked = answer.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(Math.Pow(2, attempt - 2));
        return asked < s_longestWait ? asked : s_longestWait;
    }
}
