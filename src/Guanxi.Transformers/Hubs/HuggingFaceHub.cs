using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Guanxi.Transformers.Hubs;

/// <summary>Hugging Face and whatever answers like it.</summary>
/// <remarks>
/// A revision is resolved to its commit by <c>/api/models/{repo}/revision/{revision}</c>; the commit's tree is listed in pages that follow
/// each other by <c>Link</c> headers. Large files have <c>lfs.oid</c>, the SHA-256 of their content, all others the git name of their blob.
/// </remarks>
internal sealed partial class HuggingFaceHub(Uri endpoint, string? token) : HubSource(endpoint, token)
{
    /// <inheritdoc/>
    public override string Name => "Hugging Face";

    /// <inheritdoc/>
    public override string DefaultRevision => "main";

    /// <inheritdoc/>
    public override string TokenVariable => HubVariables.HuggingFaceTokenName;

    /// <inheritdoc/>
    public override string OtherSource => "source modelscope";

    /// <inheritdoc/>
    public override Uri PageOf(HubRepository repository) => At($"/{PrefixOf(repository)}{repository.Id}");

    /// <inheritdoc/>
    public override async Task<HubListing> ListAsync(HubClient client, HubRepository repository, string revision, CancellationToken stop)
    {
        var api = $"/api/{(repository.IsDataset ? "datasets" : "models")}/{repository.Id}";
        var (info, _) = await client.GetJsonAsync(At($"{api}/revision/{Uri.EscapeDataString(revision)}"), stop).ConfigureAwait(false);
        var commit = HubJson.Text(info, "sha");
        if (!HubListing.IsCommit(commit))
        {
            throw client.NotAHub("no commit in its answer");
        }

        var files = new List<HubFile>();
        var seen = new HashSet<Uri>();
        for (Uri? page = At($"{api}/tree/{commit}?recursive=true"); page is not null;)
        {
            if (!seen.Add(page) || files.Count > HubListing.MostFiles)
            {
                throw client.NotAHub("a listing without end");
            }

            var (tree, link) = await client.GetJsonAsync(page, stop).ConfigureAwait(false);
            if (tree.ValueKind != JsonValueKind.Array)
            {
                throw client.NotAHub("a listing that is no list");
            }

            files.AddRange(tree.EnumerateArray().Where(item => HubJson.Text(item, "type") == "file")
                .Select(item => FileOf(client, repository, commit!, item)));
            page = NextPage(link);
        }

        return new HubListing(commit, files);
    }

    /// <inheritdoc/>
    protected override void ShowToken(HttpRequestMessage request, string token) =>
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);

    private static string PrefixOf(HubRepository repository) => repository.IsDataset ? "datasets/" : string.Empty;

    private HubFile FileOf(HubClient client, HubRepository repository, string commit, JsonElement item)
    {
        var large = item.TryGetProperty("lfs", out var found) && found.ValueKind == JsonValueKind.Object ? found : (JsonElement?)null;
        var (name, bytes) = (HubJson.Text(item, "path"), HubJson.Length(large ?? item, "size"));
        return name is null || bytes is null
            ? throw client.NotAHub("a file without name or size in its listing")
            : new HubFile(
                name,
                bytes.Value,
                ContentHash.TryParse(HubJson.Text(large ?? item, "oid")),
                At($"/{PrefixOf(repository)}{repository.Id}/resolve/{commit}/{EscapePath(name)}"));
    }

    /// <summary>The next page, always asked of this hub: a mirror may repeat the links of the hub that it mirrors.</summary>
    private Uri? NextPage(string? link) =>
        link is null || NextPattern().Match(link) is not { Success: true } match
            || !Uri.TryCreate(Endpoint, match.Groups["address"].Value, out var next)
            ? null
            : IsOwn(next) ? next : At(next.PathAndQuery);

    [GeneratedRegex(@"<(?<address>[^>]*)>\s*;[^,<]*\brel=""?next\b")]
    private static partial Regex NextPattern();
}
