using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json;
using Guanxi.Relations;
using Guanxi.Relations.Formats;

namespace Guanxi.Cli.Tests.Deployment;

/// <summary>What a client was told.</summary>
/// <param name="Row">Which row it had asked about.</param>
/// <param name="Asked">Time stamp of the question.</param>
/// <param name="Status">The status; null when there was no answer at all.</param>
/// <param name="Body">The body, or why there was none.</param>
internal sealed record Told(int Row, long Asked, HttpStatusCode? Status, string Body)
{
    /// <summary>The label.</summary>
    public string Label => JsonSerializer.Deserialize<JsonElement>(Body).GetProperty("result").GetString()!;
}

/// <summary>Clients that ask about row after row and never try again.</summary>
internal sealed class Load
{
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<Told> _answers = new();
    private readonly IReadOnlyList<RelationExample> _rows;
    private readonly Task _clients;
    private int _next;

    /// <summary>Starts the clients.</summary>
    public Load(string url, IReadOnlyList<RelationExample> rows, int clients)
    {
        _rows = rows;
        _clients = Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(() => RunAsync(url))));
    }

    /// <summary>Everything that was told so far.</summary>
    public IReadOnlyCollection<Told> Answers => _answers;

    /// <summary>Lets the clients go on until something more has happened.</summary>
    public async Task UntilAsync(Func<IEnumerable<Told>, bool> hasHappened)
    {
        var before = _answers.Count;
        while (!hasHappened(_answers.Skip(before)) && !_clients.IsCompleted)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5));
        }
    }

    /// <summary>Ends the clients.</summary>
    public async Task EndAsync()
    {
        await _end.CancelAsync();
        await _clients;
        _end.Dispose();
    }

    private async Task RunAsync(string url)
    {
        // More than any test asks: a condition that never comes true must not keep it for ever.
        const int Most = 20_000;
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        for (int at; !_end.IsCancellationRequested && (at = Interlocked.Increment(ref _next)) < Most;)
        {
            _answers.Enqueue(await AskAsync(client, new Uri(url + "/people_rel_cls"), at % _rows.Count));
        }
    }

    private async Task<Told> AskAsync(HttpClient client, Uri address, int row)
    {
        var asked = Stopwatch.GetTimestamp();
        try
        {
            using var content = new StringContent(Body(_rows[row]), Encoding.UTF8, "application/json");
            using var answer = await client.PostAsync(address, content);
            return new Told(row, asked, answer.StatusCode, await answer.Content.ReadAsStringAsync());
        }
        catch (HttpRequestException error)
        {
            return new Told(row, asked, null, error.Message);
        }
    }

    private static string Body(RelationExample row) => new JsonLineWriter().StartObject()
        .Name(RelationInput.TextField).Value(row.Text)
        .Name(RelationInput.Person1Field).Value(row.Person1)
        .Name(RelationInput.Person2Field).Value(row.Person2)
        .Name(RelationInput.Span1Field).StartArray().Value(row.Span1!.Value.Start).Value(row.Span1!.Value.End).EndArray()
        .Name(RelationInput.Span2Field).StartArray().Value(row.Span2!.Value.Start).Value(row.Span2!.Value.End).EndArray()
        .EndObject().ToString();
}
