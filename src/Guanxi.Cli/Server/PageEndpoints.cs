using Guanxi.Cli.Web;
using Microsoft.AspNetCore.Routing;

namespace Guanxi.Cli.Server;

/// <summary>The page for people, at the root.</summary>
internal static class PageEndpoints
{
    /// <summary>Adds the page and what it needs; its addresses need no key.</summary>
    /// <param name="app">The server.</param>
    /// <param name="takesFeedback">Whether the page offers to correct a label.</param>
    public static void MapPage(this IEndpointRouteBuilder app, bool takesFeedback) =>
        app.MapAssets("classify.html", new Dictionary<string, string> { ["feedback"] = takesFeedback ? "yes" : "no" }, NeedsNoKey.Mark);
}
