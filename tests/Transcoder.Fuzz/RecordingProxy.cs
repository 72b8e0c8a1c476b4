using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Transcoder.Fuzz;

/// <summary>Stands between clients and a server on this machine, and keeps what each side sends: so the files of tests/corpus were made.</summary>
internal static class RecordingProxy
{
    /// <param name="longest">Bytes kept of each connection; what follows is passed on alone.</param>
    public static async Task RunAsync(int listen, int server, string prefix, int longest)
    {
        using var listener = new TcpListener(IPAddress.Loopback, listen);
        listener.Start();
        for (var number = 1; ; number++)
        {
            var client = await listener.AcceptTcpClientAsync();
            var file = string.Create(CultureInfo.InvariantCulture, $"{prefix}-{number}");
            _ = PassAsync(client, server, file, longest);
        }
    }

    private static async Task PassAsync(TcpClient client, int server, string file, int longest)
    {
        using var near = client;
        using var far = new TcpClient();
        await far.ConnectAsync(IPAddress.Loopback, server);
        await using var said = Record($"{file}.bin");
        await using var answered = Record($"{file}-answer.bin");
        await Task.WhenAll(CopyAsync(near, far, said, longest), CopyAsync(far, near, answered, longest));
        Console.WriteLine($"{file}: {said.Length} bytes, answered with {answered.Length}");
    }

    // Without a buffer: the recorder is killed when there is enough.
    private static FileStream Record(string file) => new(file, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);

    private static async Task CopyAsync(TcpClient from, TcpClient to, Stream record, int longest)
    {
        var bytes = new byte[64 << 10];
        try
        {
            int length;
            while ((length = await from.GetStream().ReadAsync(bytes)) > 0)
            {
                var kept = (int)Math.Min(length, longest - record.Length);
                if (kept > 0)
                {
                    await record.WriteAsync(bytes.AsMemory(0, kept));
                }

                await to.GetStream().WriteAsync(bytes.AsMemory(0, length));
            }
        }
        catch (IOException)
        {
            // One side went away; the other is told below.
        }

        try
        {
            to.Client.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // It has gone, too.
        }
    }
}
