using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Guanxi.Cli.Server;

/// <summary>The page for people, at the root.</summary>
internal static class PageEndpoints
{
    /// <summary>Adds the page and what it needs; its addresses need no key.</summary>
    public static void MapPage(this IEndpointRouteBuilder app) =>
        app.MapGet("/", context => Replies.Write(context, StatusCodes.Status200OK, "text/plain; charset=utf-8", "guanxi: see /openapi/v1.json\n"))
            .WithMetadata(NeedsNoKey.Mark);
}
