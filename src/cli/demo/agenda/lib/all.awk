#: all                      everything, as it stands there
BEGIN { take() }
{ print }
