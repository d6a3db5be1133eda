using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Guanxi.Relations.Formats;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Guanxi.Cli.Web;

/// <summary>Reads the JSON of a request, of which nothing is believed.</summary>
internal static class RequestBody
{
    /// <summary>Longest body that is read.</summary>
    public const int MostBytes = 64 * 1024;

    // A client that is still sending does not look at the answer: so much is read and dropped first.
    private const int MostDroppedBytes = 1024 * 1024;
    private const int MostDepth = 32;

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = MostDepth };

    /// <summary>Reads a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="read">Makes something of the root of the body.</param>
    /// <returns>What was made.</returns>
    /// <exception cref="HttpProblemException">The body is not JSON in UTF-8, or too long.</exception>
    public static async Task<T> ReadAsync<T>(HttpContext context, Func<JsonElement, T> read)
    {
        RefuseOtherTypes(context.Request);
        var buffer = ArrayPool<byte>.Shared.Rent(MostBytes + 1);
        try
        {
            var length = await FillAsync(context, buffer.AsMemory(0, MostBytes + 1));
            if (length > MostBytes)
            {
                await DropAsync(context);
                throw new HttpProblemException(StatusCodes.Status413PayloadTooLarge, $"a request has at most {MostBytes} bytes") { ClosesConnection = true };
            }

            return Parse(buffer.AsMemory(0, length), read);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void RefuseOtherTypes(HttpRequest request)
    {
        var isJson = MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase));
        if (!isJson)
        {
            throw new HttpProblemException(StatusCodes.Status415UnsupportedMediaType, "the request must be JSON: Content-Type: application/json");
        }

        if (type!.Charset.HasValue && !type.Charset.Value!.Trim('"').Equals("utf-8", StringComparison.OrdinalIgnoreCase))
        {
            throw new HttpProblemException(StatusCodes.Status415UnsupportedMediaType, "JSON must be in UTF-8");
        }

        if (request.Headers.ContentEncoding.Count > 0)
        {
            throw new HttpProblemException(StatusCodes.Status415UnsupportedMediaType, "the request must not be compressed");
        }
    }

    private static async Task<int> FillAsync(HttpContext context, Memory<byte> buffer)
    {
        var length = 0;
        while (length < buffer.Length)
        {
            var count = await context.Request.Body.ReadAsync(buffer[length..], context.RequestAborted);
            if (count == 0)
            {
                break;
            }

            length += count;
        }

        return length;
    }

    private static async Task DropAsync(HttpContext context)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(MostBytes);
        try
        {
            for (var dropped = 0; dropped < MostDroppedBytes;)
            {
                var count = await context.Request.Body.ReadAsync(buffer, context.RequestAborted);
                if (count == 0)
                {
                    break;
                }

                dropped += count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static T Parse<T>(ReadOnlyMemory<byte> body, Func<JsonElement, T> read)
    {
        if (!Utf8.IsValid(body.Span))
        {
            throw Malformed("the body is not UTF-8");
        }

        try
        {
            using var document = JsonDocument.Parse(body, s_strict);
            return read(document.RootElement);
        }
        catch (JsonException fault)
        {
            throw Malformed($"the body is not valid JSON: {JsonFaults.Reason(fault)} (line {fault.LineNumber + 1}, byte {fault.BytePositionInLine + 1})");
        }
        catch (InvalidOperationException)
        {
            // System.Text.Json says so only when a name or text is asked for.
            throw Malformed("a text holds half of a surrogate pair");
        }
    }

    private static HttpProblemException Malformed(string reason) => new(StatusCodes.Status400BadRequest, reason);
}
