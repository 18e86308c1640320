# Caddy without root. New volumes take the owner of these folders.
FROM caddy:2
RUN chown -R 1000:1000 /data /config
HEALTHCHECK --interval=15s --timeout=3s --start-period=15s \
  CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:2019/config/"]
USER 1000:1000
