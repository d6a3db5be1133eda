using System.Net;
using System.Net.Http.Headers;
using Guanxi.Transformers.Checkpoints;

namespace Guanxi.Transformers.Hubs;

/// <summary>Brings one file: resumes, checks, and gives it its name only when it is whole.</summary>
/// <param name="client">The hub.</param>
/// <param name="retry">How often to try.</param>
/// <param name="files">The file system.</param>
/// <param name="progress">Told of bytes.</param>
internal sealed class FileDownload(HubClient client, RetryPolicy retry, IFileSystem files, IDownloadProgress progress)
{
    // A content that was spoilt on its way may come whole the second time; one that is spoilt at the hub will not.
    private const int Rounds = 2;

    /// <summary>Downloads a file.</summary>
    /// <param name="file">What the hub says of it.</param>
    /// <param name="root">Folder of the download.</param>
    /// <param name="target">Where it goes; its folder must exist.</param>
    /// <param name="stop">Stops it; what has come stays for the next call.</param>
    /// <returns>What is wrong with the content that the hub sends; null when the file is there.</returns>
    /// <exception cref="OptionsException">The hub refuses.</exception>
    /// <exception cref="CheckpointException">The hub does not answer, or the file cannot be written.</exception>
    public async Task<Problem?> RunAsync(HubFile file, string root, string target, CancellationToken stop)
    {
        for (var round = 1; ; round++)
        {
            using var partial = PartialFile.Open(files, target, file, stop);
            var transfer = new Transfer(this, file, partial);
            var problem = await retry.RunAsync(() => transfer.RunAsync(stop), () => partial.Furthest, stop).ConfigureAwait(false)
                ?? partial.Check();
            if (problem is null)
            {
                partial.Finish(root);
                return null;
            }

            progress.Received(-partial.Length);
            partial.Discard();
            if (round == Rounds)
            {
                return problem;
            }

            progress.Note($"{problem}; trying once more from the beginning");
        }
    }

    /// <summary>The requests for one file.</summary>
    private sealed class Transfer(FileDownload owner, HubFile file, PartialFile partial)
    {
        private EntityTagHeaderValue? _tag;

        /// <summary>One request for what is missing.</summary>
        /// <returns>What is wrong with what the hub announces; null when all bytes have come.</returns>
        public async Task<Problem?> RunAsync(CancellationToken stop)
        {
            if (file.Hash is null && _tag is null)
            {
                // Nothing would tell whether the rest belongs to what is here.
                Clear();
            }

            if (partial.Length == file.Bytes)
            {
                return null;
            }

            using var response = await owner.Client.SendAsync(file.Address, file.Name, Prepare, stop).ConfigureAwait(false);
            if (!Continues(response))
            {
                Clear();
                if (response.StatusCode != HttpStatusCode.OK)
                {
                    throw Cut("the hub answers with another part than was asked for");
                }
            }

            _tag = response.Headers.ETag is { IsWeak: false } tag ? tag : null;
            if (response.Content.Headers.ContentLength is { } announced && announced != file.Bytes - partial.Length)
            {
                return new Problem(
                    file.Name, "the hub sends another length than it lists", $"{file.Bytes - partial.Length} bytes", $"{announced} bytes");
            }

            await foreach (var part in owner.Client.ReadAsync(response, stop).ConfigureAwait(false))
            {
                if (partial.Length + part.Length > file.Bytes)
                {
                    return new Problem(file.Name, "the hub sends more than it lists", $"{file.Bytes} bytes");
                }

                partial.Append(part.Span);
                owner.Progress.Received(part.Length);
            }

            return partial.Length == file.Bytes ? null : throw Cut("the connection was closed too early");
        }

        private void Prepare(HttpRequestMessage request)
        {
            if (partial.Length > 0)
            {
                request.Headers.Range = new RangeHeaderValue(partial.Length, null);
                request.Headers.IfRange = file.Hash is null && _tag is not null ? new RangeConditionHeaderValue(_tag) : null;
            }
        }

        private bool Continues(HttpResponseMessage response) => response.StatusCode == HttpStatusCode.PartialContent
            ? response.Content.Headers.ContentRange is { } range && range.From == partial.Length
                && (range.Length is null || range.Length == file.Bytes)
            : response.StatusCode == HttpStatusCode.OK && partial.Length == 0;

        private void Clear()
        {
            owner.Progress.Received(-partial.Length);
            partial.Clear();
        }

        private HubInterruption Cut(string what) =>
            new(new Problem(file.Name, what, $"{file.Bytes} bytes", $"{partial.Length} bytes"), null, null);
    }

    private HubClient Client => client;

    private IDownloadProgress Progress => progress;
}
