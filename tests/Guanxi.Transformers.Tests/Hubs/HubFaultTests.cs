using Guanxi.TestKit;
using Guanxi.Transformers.Hubs;
using Xunit;

namespace Guanxi.Transformers.Tests.Hubs;

/// <summary>Downloads from hubs that misbehave on purpose, of both kinds. On its clock every wait is over at once.</summary>
public sealed class HubFaultTests
{
    private const int Half = 150_000;

    public static TheoryData<bool> BothHubs => [false, true];

    [Theory]
    [MemberData(nameof(BothHubs))]
    public void A_cut_connection_is_taken_up_where_it_broke(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);
        call.Spoil(1, (_, reply) => reply with { CutAfter = Half });

        call.Run();

        call.ExpectWhole();
        Assert.Equal([null, Half], call.Requests().Select(request => request.RangeFrom));
        Assert.Equal([TimeSpan.FromSeconds(1)], call.Time.Waits);
        Assert.Contains("the connection was cut; trying again in 1 s", Assert.Single(call.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(BothHubs))]
    public void Gains_between_failures_begin_the_count_anew(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);
        call.Spoil(3 * RetryPolicy.MostFailures, (_, reply) => reply with { CutAfter = 10_000 });

        call.Run();

        call.ExpectWhole();
        Assert.All(call.Time.Waits, wait => Assert.Equal(TimeSpan.FromSeconds(1), wait));
    }

    [Theory]
    [MemberData(nameof(BothHubs))]
    public void Without_a_gain_the_call_gives_up_and_the_next_one_goes_on(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);
        call.Spoil(RetryPolicy.MostFailures, (request, reply) => reply with { CutAfter = request.RangeFrom is null ? Half : 0 });

        var error = Assert.Throws<CheckpointException>(() => call.Run());
        Assert.Contains("the connection was cut", error.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 4, 8], call.Time.Waits.Select(wait => wait.TotalSeconds).Distinct());
        Assert.Equal(Half, new FileInfo(Assert.Single(call.Parts())).Length);

        call.Run();
        call.ExpectWhole();
        Assert.Equal(Half, call.Requests()[^1].RangeFrom);
    }

    [Theory]
    [MemberData(nameof(BothHubs))]
    public void A_hub_that_ignores_ranges_is_read_from_the_beginning(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);
        call.Hub.Fault = request => request.File != HubCall.Weights ? null
            : request.RangeFrom is null ? call.Hub.Serve(request) with { CutAfter = Half }
            : new HubReply(200, call.Hub.Files[HubCall.Weights]);

        call.Run();

        call.ExpectWhole();
        Assert.Equal(2, call.Requests().Length);
    }

    [Theory]
    [InlineData(206, "bytes 5-9/300000")]
    [InlineData(206, "bytes 150000-299999/400000")]
    [InlineData(206, null)]
    [InlineData(416, null)]
    public void Another_part_than_was_asked_for_is_not_joined(int status, string? range)
    {
        using var call = new HubCall();
        call.Hub.Fault = request => request.File != HubCall.Weights ? null
            : call.Requests().Length == 1 ? call.Hub.Serve(request) with { CutAfter = Half }
            : request.RangeFrom is null ? null
            : Wrong();

        call.Run();

        call.ExpectWhole();
        Assert.Equal([null, Half, null], call.Requests().Select(request => request.RangeFrom));
        Assert.Contains("another part than was asked for", call.Notes.Last(), StringComparison.Ordinal);

        HubReply Wrong()
        {
            var reply = new HubReply(status, new byte[5]);
            if (range is not null)
            {
                reply.Headers["Content-Range"] = range;
            }

            return reply;
        }
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(false, 2)]
    [InlineData(true, 1)]
    [InlineData(true, 2)]
    public void A_spoilt_content_is_brought_once_more_and_then_told(bool isModelScope, int times)
    {
        using var call = new HubCall(isModelScope);
        call.Spoil(times, (_, _) => new HubReply(200, HubCall.Noise(9, call.Hub.Files[HubCall.Weights].Length)));

        var error = Record.Exception(() => call.Run());

        Assert.Equal(2, call.Requests().Length);
        Assert.Empty(call.Parts());
        if (times == 1)
        {
            call.ExpectWhole();
            return;
        }

        Assert.Contains("the content that came is not the hub's; expected sha256", Assert.IsType<CheckpointException>(error).Message,
            StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(call.To, HubCall.Weights)));
        Assert.True(File.Exists(Path.Combine(call.To, HubCall.Config)), "the other files come all the same");
    }

    [Fact]
    public void A_spoilt_small_file_is_found_by_the_name_of_its_blob()
    {
        using var call = new HubCall();
        call.Hub.Fault = request => request.File == HubCall.Config ? new HubReply(200, HubCall.Noise(9, 500)) : null;

        Assert.Contains("expected git blob", Assert.Throws<CheckpointException>(() => call.Run()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, 299_999, 299_999)]
    [InlineData(false, 300_001, 300_001)]
    [InlineData(false, 300_001, -1)]
    [InlineData(true, 299_999, 299_999)]
    [InlineData(true, 300_001, -1)]
    public void A_wrong_length_is_told(bool isModelScope, int length, int announced)
    {
        using var call = new HubCall(isModelScope);
        call.Spoil(2, (_, _) => new HubReply(200, HubCall.Noise(9, length)) { Announced = announced });

        Assert.Contains("than it lists", Assert.Throws<CheckpointException>(() => call.Run()).Message, StringComparison.Ordinal);
        Assert.Empty(call.Parts());

        call.Run();
        call.ExpectWhole();
    }

    [Fact]
    public void A_body_without_length_that_ends_too_early_is_a_cut_connection()
    {
        using var call = new HubCall();
        call.Spoil(1, (_, reply) => reply with { Announced = -1, CutAfter = Half });

        call.Run();

        call.ExpectWhole();
        Assert.Equal([null, Half], call.Requests().Select(request => request.RangeFrom));
    }

    [Theory]
    [MemberData(nameof(BothHubs))]
    public void A_file_that_changed_between_two_calls_begins_anew(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);
        call.Spoil(RetryPolicy.MostFailures, (request, reply) => reply with { CutAfter = request.RangeFrom is null ? Half : 0 });
        Assert.Throws<CheckpointException>(() => call.Run());

        call.Hub.Files[HubCall.Weights] = HubCall.Noise(8, 300_000);
        call.Run();

        call.ExpectWhole();
        Assert.Null(call.Requests()[^1].RangeFrom);
    }

    [Fact]
    public void A_file_without_hash_that_changed_between_two_parts_is_not_joined()
    {
        using var call = new HubCall();
        call.Hub.HasHashes = false;
        call.Spoil(1, (_, reply) => Change(reply with { CutAfter = Half }));

        call.Run();

        call.ExpectWhole();
        Assert.Equal("\"", call.Requests()[^1].Headers["If-Range"][..1]);

        HubReply Change(HubReply old)
        {
            call.Hub.Files[HubCall.Weights] = HubCall.Noise(8, 300_000);
            return old;
        }
    }

    [Theory]
    [InlineData(false, 429, "7", 7)]
    [InlineData(false, 429, "Mon, 06 May 2024 07:08:39 GMT", 30)]
    [InlineData(false, 503, "3", 3)]
    [InlineData(false, 500, null, 1)]
    [InlineData(true, 429, "7", 7)]
    [InlineData(true, 502, null, 1)]
    public void A_busy_or_ailing_hub_is_asked_again_when_it_says(bool isModelScope, int status, string? retryAfter, int seconds)
    {
        using var call = new HubCall(isModelScope);
        var failed = 0;
        call.Hub.Fault = request => Interlocked.Increment(ref failed) == 1 ? Busy() : null;

        call.Run();

        call.ExpectWhole();
        Assert.Equal([TimeSpan.FromSeconds(seconds)], call.Time.Waits);

        HubReply Busy()
        {
            var reply = HubReply.Error(status);
            if (retryAfter is not null)
            {
                reply.Headers["Retry-After"] = retryAfter;
            }

            return reply;
        }
    }

    [Theory]
    [InlineData(429, "3600", "the hub is asked too often", 0)]
    [InlineData(429, "1", "the hub is asked too often", 4)]
    [InlineData(500, "0", "the hub fails with status 500", 4)]
    public void A_hub_that_stays_so_is_told(int status, string retryAfter, string expected, int waits)
    {
        using var call = new HubCall();
        call.Hub.Fault = request => HubReply.Error(status) is var reply && reply.Headers.TryAdd("Retry-After", retryAfter) ? reply : null;

        var error = Assert.Throws<CheckpointException>(() => call.Run());

        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains($"status {status} for the test", error.Message, StringComparison.Ordinal);
        Assert.Equal(waits, call.Time.Waits.Count);
    }

    [Fact]
    public void A_hub_that_falls_silent_counts_as_cut()
    {
        using var call = new HubCall();
        call.Time.IsImpatient = true;
        call.Spoil(1, (_, reply) => reply with { CutAfter = Half, Hangs = true });

        call.Run([HubCall.Weights]);

        Assert.Equal(call.Hub.Files[HubCall.Weights], File.ReadAllBytes(Path.Combine(call.To, HubCall.Weights)));
        Assert.Equal(Half, call.Requests()[^1].RangeFrom);
        Assert.Contains("the hub does not answer", Assert.Single(call.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(BothHubs))]
    public async Task A_call_that_is_stopped_leaves_what_has_come(bool isModelScope)
    {
        using var call = new HubCall(isModelScope);
        using var stop = new CancellationTokenSource();
        call.Spoil(1, (_, reply) => reply with { CutAfter = Half, Hangs = true });
        var watcher = Task.Run(() =>
        {
            SpinWait.SpinUntil(() => call.BytesReceived >= Half, TimeSpan.FromSeconds(30));
            stop.Cancel();
        });

        Assert.ThrowsAny<OperationCanceledException>(() => call.Run([HubCall.Weights], stop: stop.Token));
        await watcher;
        Assert.Equal(Half, new FileInfo(Assert.Single(call.Parts())).Length);

        call.Run();
        Assert.Equal(Half, call.Requests()[^1].RangeFrom);
        Assert.Equal(call.Hub.Files[HubCall.Weights], File.ReadAllBytes(Path.Combine(call.To, HubCall.Weights)));
    }

    [Fact]
    public void Two_calls_at_once_do_not_write_the_same_part()
    {
        using var call = new HubCall();
        call.Spoil(RetryPolicy.MostFailures, (request, reply) => reply with { CutAfter = request.RangeFrom is null ? Half : 0 });
        Assert.Throws<CheckpointException>(() => call.Run([HubCall.Weights]));
        using var other = new FileStream(Assert.Single(call.Parts()), FileMode.Open, FileAccess.ReadWrite, FileShare.None);

        Assert.Contains("the part that has come cannot be opened", Assert.Throws<CheckpointException>(() => call.Run([HubCall.Weights])).Message,
            StringComparison.Ordinal);
    }
}
