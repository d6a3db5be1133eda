using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Guanxi.TestKit;

/// <summary>What a <see cref="TestHub"/> answers.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Body">The whole body.</param>
public sealed record HubReply(int Status, byte[] Body)
{
    /// <summary>Headers beside the length.</summary>
    public Dictionary<string, string> Headers { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Bytes of the body after which the connection is cut; null for all.</summary>
    public int? CutAfter { get; init; }

    /// <summary>The length that is announced; null for the true one, negative for none.</summary>
    public int? Announced { get; init; }

    /// <summary>Whether it never goes on after <see cref="CutAfter"/>, instead of cutting the connection.</summary>
    public bool Hangs { get; init; }

    /// <summary>An answer in JSON.</summary>
    public static HubReply Json(object body) => new(200, JsonSerializer.SerializeToUtf8Bytes(body));

    /// <summary>An error as Hugging Face gives it.</summary>
    public static HubReply Error(int status, string? code = null)
    {
        var reply = new HubReply(status, JsonSerializer.SerializeToUtf8Bytes(new { error = $"status {status} for the test" }));
        if (code is not null)
        {
            reply.Headers["X-Error-Code"] = code;
        }

        return reply;
    }

    internal async Task WriteAsync(TcpClient client, Stream stream, CancellationToken stop)
    {
        var head = new StringBuilder($"HTTP/1.1 {Status} Test\r\nConnection: close\r\n");
        if (Announced is null or >= 0)
        {
            head.Append($"Content-Length: {Announced ?? Body.Length}\r\n");
        }

        foreach (var (name, value) in Headers)
        {
            head.Append($"{name}: {value}\r\n");
        }

        await stream.WriteAsync(Encoding.UTF8.GetBytes(head.Append("\r\n").ToString()), stop);
        await stream.WriteAsync(Body.AsMemory(0, Math.Min(CutAfter ?? Body.Length, Body.Length)), stop);
        await stream.FlushAsync(stop);
        if (Hangs)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, stop);
        }

        // Without this the last bytes may be lost with the reset.
        client.Client.Shutdown(SocketShutdown.Send);
    }
}
