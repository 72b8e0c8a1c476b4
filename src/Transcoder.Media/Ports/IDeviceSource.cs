using Transcoder.Media.Devices;

namespace Transcoder.Media.Ports;

/// <summary>Opens devices by their stable names. A device is opened at its first use and stays open until the process ends. Thread safe.</summary>
public interface IDeviceSource
{
    /// <returns>The same object for the same name.</returns>
    /// <exception cref="CodecException">There is no such device here, or its driver refuses.</exception>
    IDevice Open(DeviceRef device);
}
