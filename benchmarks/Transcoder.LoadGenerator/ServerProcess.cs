using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Transcoder.LoadGenerator;

/// <summary>A server on loopback with a configuration of its own in a temporary folder; killed and swept up at the end.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly string _folder;

    private ServerProcess(string name, Process process, string folder, int port)
    {
        Name = name;
        _process = process;
        _folder = folder;
        Application = $"rtmp://127.0.0.1:{port}/live";
        Figures = new ProcessFigures(process.Id);
    }

    public string Name { get; }

    public string Application { get; }

    public ProcessFigures Figures { get; }

    public static Task<ServerProcess> TranscoderAsync(string name, string program)
    {
        var (rtmp, http) = (FreePort(), FreePort());
        return StartAsync(name, rtmp, "transcoder.yaml", $$"""
            server:
              rtmp: { listen: "127.0.0.1:{{rtmp}}" }
              http: { listen: "127.0.0.1:{{http}}" }
            apps:
              live: {}
            workers: { spare: 0 }
            log: { level: warning }
            """, file => new ProcessStartInfo(program, ["serve", "--config", file]));
    }

    public static Task<ServerProcess> NginxAsync(string name, string program)
    {
        var rtmp = FreePort();
        return StartAsync(name, rtmp, "nginx.conf", $$"""
            load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
            daemon off;
            master_process off;
            worker_rlimit_nofile 65536;
            pid nginx.pid;
            error_log stderr crit;
            events { worker_connections 8192; }
            rtmp { access_log off; server { listen 127.0.0.1:{{rtmp}}; application live { live on; } } }
            """, file => new ProcessStartInfo(program, ["-p", Path.GetDirectoryName(file)!, "-c", file]));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<ServerProcess> StartAsync(string name, int port, string fileName, string configuration, Func<string, ProcessStartInfo> command)
    {
        var folder = Directory.CreateTempSubdirectory("transcoder-load-").FullName;
        var file = Path.Combine(folder, fileName);
        await File.WriteAllTextAsync(file, configuration);
        var server = new ServerProcess(name, Process.Start(command(file))!, folder, port);
        var started = Stopwatch.GetTimestamp();
        while (!await AnswersAsync(port))
        {
            if (server._process.HasExited || Stopwatch.GetElapsedTime(started) > StartTimeout)
            {
                await server.DisposeAsync();
                throw new InvalidOperationException($"{name} did not start");
            }

            await Task.Delay(50);
        }

        return server;
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        using var probe = new TcpClient();
        try
        {
            await probe.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            // Not listening yet.
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
