answer "2024-02-29 leap day
2024-12-24 presents" all
