using System.Net.Sockets;
using System.Text;

namespace Guanxi.Transformers.Training.Ranks;

/// <summary>A connection over which two processes tell each other that they live, in lines of text.</summary>
internal sealed class RankPeer : IDisposable
{
    private const int SendMilliseconds = 5000;

    private readonly TcpClient _connection;
    private readonly StreamReader _reader;
    private readonly Lock _writing = new();

    public RankPeer(TcpClient connection, TimeSpan silence)
    {
        _connection = connection;
        connection.NoDelay = true;
        connection.SendTimeout = SendMilliseconds;
        connection.ReceiveTimeout = (int)silence.TotalMilliseconds;
        _reader = new StreamReader(connection.GetStream(), new UTF8Encoding(false));
    }

    /// <summary>Number of the other process.</summary>
    public int Rank { get; set; }

    /// <summary>Where the other process runs, for messages.</summary>
    public string Name { get; set; } = string.Empty;

    /// <summary>Sends a line; a connection that takes none is noticed by who reads it.</summary>
    public void Send(string line)
    {
        try
        {
            lock (_writing)
            {
                _connection.GetStream().Write(Encoding.UTF8.GetBytes(line.ReplaceLineEndings(" ") + "\n"));
            }
        }
        catch (Exception error) when (error is IOException or InvalidOperationException)
        {
            // Lost, closed, or full since the other side hangs: reading tells which.
        }
    }

    /// <summary>Waits for a line.</summary>
    /// <returns>The line; null when the connection has ended.</returns>
    /// <exception cref="TimeoutException">Nothing came in time.</exception>
    public string? Receive()
    {
        try
        {
            return _reader.ReadLine();
        }
        catch (IOException error) when (error.InnerException is SocketException { SocketErrorCode: SocketError.TimedOut or SocketError.WouldBlock })
        {
            throw new TimeoutException("nothing came", error);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // Reset by the other side, or closed by this one.
            return null;
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _connection.Dispose();
    }
}
