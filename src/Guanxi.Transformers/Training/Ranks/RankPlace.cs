using System.Net;
using System.Net.Sockets;
using Guanxi.Torch;

namespace Guanxi.Transformers.Training.Ranks;

/// <summary>A process's place among those that train together: torchrun's variables.</summary>
/// <param name="Rank">Number of the process, from 0 (<c>RANK</c>).</param>
/// <param name="WorldSize">Number of processes (<c>WORLD_SIZE</c>).</param>
/// <param name="LocalRank">Number among those of this machine (<c>LOCAL_RANK</c>).</param>
/// <param name="LocalWorldSize">Processes on this machine (<c>LOCAL_WORLD_SIZE</c>).</param>
/// <param name="Host">Host of rank 0 (<c>MASTER_ADDR</c>).</param>
/// <param name="Port">Port on it (<c>MASTER_PORT</c>).</param>
public sealed record RankPlace(int Rank, int WorldSize, int LocalRank, int LocalWorldSize, string Host, int Port)
{
    /// <summary>The address by which this machine reaches the host of rank 0: there the others reach it in turn.</summary>
    /// <exception cref="RankLostException">There is no way to that host.</exception>
    internal IPAddress Address()
    {
        try
        {
            // Connecting a datagram socket sends nothing: it only chooses the route.
            using var probe = new Socket(SocketType.Dgram, ProtocolType.Udp);
            probe.Connect(Host, Port);
            var address = ((IPEndPoint)probe.LocalEndPoint!).Address;
            return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        }
        catch (SocketException error)
        {
            throw new RankLostException($"there is no way to the host of rank 0, {Host}: {error.Message}", error);
        }
    }

    internal ProcessPlace ToProcess() => new(Host, Port, Address().ToString(), Rank, WorldSize);
}

/// <summary>How long processes that train together wait for each other.</summary>
/// <param name="Exchange">For one that lives: to come to an exchange, or to the group at all.</param>
/// <param name="Silence">For a sign of life.</param>
public sealed record RankPatience(TimeSpan Exchange, TimeSpan Silence);

/// <summary>A process that trains together with this one was lost, hangs or failed. It cannot go on alone.</summary>
public sealed class RankLostException : Exception
{
    internal RankLostException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
