using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;

namespace Guanxi.Transformers.Hubs;

/// <summary>ModelScope.</summary>
/// <remarks>
/// Models are listed whole, data sets in numbered pages. An unknown revision is answered with success and no files. Each file has the
/// SHA-256 of its content and, as <c>Revision</c>, the commit that changed it last; asking for it at that commit gives the listed content
/// even when the branch moves on.
/// </remarks>
internal sealed class ModelScopeHub(Uri endpoint, string? token) : HubSource(endpoint, token)
{
    private const int PageFiles = 200;

    /// <inheritdoc/>
    public override string Name => "ModelScope";

    /// <inheritdoc/>
    public override string DefaultRevision => "master";

    /// <inheritdoc/>
    public override string TokenVariable => HubVariables.ModelScopeTokenName;

    /// <inheritdoc/>
    public override string OtherSource => "source hf";

    /// <inheritdoc/>
    public override Uri PageOf(HubRepository repository) => At($"/{KindOf(repository)}/{repository.Id}");

    /// <inheritdoc/>
    public override async Task<HubListing> ListAsync(HubClient client, HubRepository repository, string revision, CancellationToken stop)
    {
        var files = new Dictionary<string, HubFile>(StringComparer.Ordinal);
        string? commit = null;
        for (var page = 1; ; page++)
        {
            var (answer, _) = await client.GetJsonAsync(ListAddress(repository, revision, page), stop).ConfigureAwait(false);
            var data = DataOf(client, answer);
            var listed = ListOf(data, "Files");
            commit ??= CommitOf(data, listed);
            var before = files.Count;
            foreach (var file in listed.Where(item => HubJson.Text(item, "Type") != "tree")
                .Select(item => FileOf(client, repository, revision, item)))
            {
                if (!files.TryAdd(file.Name, file) && !repository.IsDataset)
                {
                    throw client.NotAHub("the same file twice in its listing");
                }
            }

            if (!repository.IsDataset || listed.Count < PageFiles || files.Count == before)
            {
                break;
            }

            if (files.Count > HubListing.MostFiles)
            {
                throw client.NotAHub("a listing without end");
            }
        }

        return files.Count > 0 ? new HubListing(commit, [.. files.Values]) : throw client.NoRevision(revision);
    }

    /// <inheritdoc/>
    protected override void ShowToken(HttpRequestMessage request, string token)
    {
        // Older addresses know only the cookie, newer ones the header.
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Add("Cookie", $"m_session_id={token}");
    }

    private static string KindOf(HubRepository repository) => repository.IsDataset ? "datasets" : "models";

    private static List<JsonElement> ListOf(JsonElement data, string name) =>
        data.TryGetProperty(name, out var list) && list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [];

    private static JsonElement DataOf(HubClient client, JsonElement answer)
    {
        if (answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("Data", out var data)
            && data.ValueKind == JsonValueKind.Object)
        {
            return data;
        }

        throw HubJson.Text(answer, "Message") is { Length: > 0 } message
            ? client.Refused(message)
            : client.NotAHub("no data in its answer");
    }

    /// <summary>The commit of the branch: the last committer's, which often comes as its first digits alone.</summary>
    private static string? CommitOf(JsonElement data, List<JsonElement> files)
    {
        if (!data.TryGetProperty("LatestCommitter", out var last) || last.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var (whole, digits) = (HubJson.Text(last, "Id"), HubJson.Text(last, "ShortId"));
        return HubListing.IsCommit(whole) ? whole
            : string.IsNullOrEmpty(digits) ? null
            : files.Select(item => HubJson.Text(item, "Revision"))
                .FirstOrDefault(found => HubListing.IsCommit(found) && found!.StartsWith(digits, StringComparison.Ordinal));
    }

    private Uri ListAddress(HubRepository repository, string revision, int page)
    {
        var api = $"/api/v1/{KindOf(repository)}/{repository.Id}/repo";
        var query = $"Revision={Uri.EscapeDataString(revision)}&Recursive=True";
        return At(repository.IsDataset
            ? string.Create(CultureInfo.InvariantCulture, $"{api}/tree?{query}&PageNumber={page}&PageSize={PageFiles}")
            : $"{api}/files?{query}");
    }

    private HubFile FileOf(HubClient client, HubRepository repository, string revision, JsonElement item)
    {
        var (name, bytes, changed) = (HubJson.Text(item, "Path"), HubJson.Length(item, "Size"), HubJson.Text(item, "Revision"));
        var at = HubListing.IsCommit(changed) ? changed! : revision;
        return name is null || bytes is null
            ? throw client.NotAHub("a file without name or size in its listing")
            : new HubFile(
                name,
                bytes.Value,
                ContentHash.TryParse(HubJson.Text(item, "Sha256")),
                At($"/api/v1/{KindOf(repository)}/{repository.Id}/repo?Revision={Uri.EscapeDataString(at)}&FilePath={Uri.EscapeDataString(name)}"));
    }
}
